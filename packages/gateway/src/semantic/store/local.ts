import { matches, type Purge } from '../../cache/purge.ts'
import { type SemanticAdmin, shown } from './admin.ts'
import type { Room, Rooms } from './rooms.ts'
import type { Sealed } from './seal.ts'

/** Without Redis: what an admin can do to what this process holds. */
export function createLocalAdmin(rooms: Rooms): SemanticAdmin {
  const all = () =>
    rooms
      .all()
      .flatMap(([name, room]) =>
        [...room.entries].map(([id, sealed]) => ({ room, id, sealed, key: `${name}:${id}` })),
      )
  const matching = (what: Purge) => all().filter(({ key, sealed }) => matches(what, key, sealed.answer))
  const find = (key: string): { room: Room; id: string; sealed: Sealed; key: string } | undefined =>
    matching({ key })[0]

  return {
    list: async (what, limit = 100) =>
      matching(what)
        .slice(0, limit)
        .map(({ key, sealed }) => shown(key, sealed)),
    async inspect(key) {
      const found = find(key)
      return found && shown(key, found.sealed)
    },
    async pin(key, pinned = true) {
      const found = find(key)
      if (found === undefined) return false
      // An answer past its time goes as soon as nobody wants it kept.
      if (!rooms.learn(found.room, found.id, { ...found.sealed, pinned })) rooms.drop(found.room, found.id)
      return true
    },
    async remove(what) {
      const found = matching(what)
      for (const { room, id } of found) rooms.drop(room, id)
      return found.length
    },
  }
}
