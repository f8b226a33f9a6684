import type { PurgeFilter } from '../../entry/purge-filter.ts'
import { concerns, shown } from './admin.ts'
import type { Sealed } from './codec.ts'
import type { PartitionState, Partitions } from './partitions.ts'
import type { StoreAdmin } from './port.ts'

/** Without Redis: what an admin can do to what this process holds. */
export function createLocalAdmin(rooms: Partitions): StoreAdmin {
  const all = () =>
    rooms
      .all()
      .flatMap(([name, room]) =>
        [...room.entries].map(([id, sealed]) => ({ room, id, sealed, key: `${name}:${id}` })),
      )
  const matching = (what: PurgeFilter) => all().filter(({ key, sealed }) => concerns(what, key, sealed))
  const find = (key: string): { room: PartitionState; id: string; sealed: Sealed; key: string } | undefined =>
    all().find((one) => one.key === key)

  return {
    list: async (what, limit = 100) =>
      matching(what)
        .slice(0, limit)
        .map(({ key, sealed }) => shown(key, sealed)),
    async inspect(key) {
      const found = find(key)
      return found && shown(key, found.sealed)
    },
    exactOf: async (key) => find(key)?.sealed.exact || undefined,
    async forget(answerId) {
      for (const { room, id, sealed } of all()) if (sealed.answer.answerId === answerId) rooms.drop(room, id)
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
