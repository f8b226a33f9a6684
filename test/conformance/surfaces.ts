import { chatSurfaces } from './chat-surfaces.ts'
import { COMPLETIONS, EMBEDDINGS, uncached } from './requests.ts'
import { responsesSurfaces } from './responses-surfaces.ts'
import { all, textsOf } from './streams.ts'
import type { Surface } from './surface.ts'

export const isCached = ({ name }: Surface) => ![...uncached].some((part) => name.includes(part))

const completions = Object.entries(COMPLETIONS).flatMap(([name, params]): Surface[] => [
  {
    name: `completions.create, ${name}`,
    calls: 1,
    run: async (client) => ({ same: await client.completions.create(params) }),
  },
  ...[{}, { stream_options: { include_usage: true } }].map(
    (options): Surface => ({
      name: `completions.create streamed, ${name}, ${JSON.stringify(options)}`,
      calls: 1,
      async run(client) {
        const live = await all(await client.completions.create({ ...params, ...options, stream: true }))
        return { same: textsOf(live), live }
      },
    }),
  ),
])

const embeddings = Object.entries(EMBEDDINGS).map(
  ([name, params]): Surface => ({
    name: `embeddings ${name}`,
    calls: 1,
    async run(client) {
      return { same: await client.embeddings.create(params) }
    },
  }),
)

export const surfaces: Surface[] = [...chatSurfaces, ...responsesSurfaces, ...completions, ...embeddings]
