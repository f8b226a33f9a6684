import { RedisCache } from '@langchain/redis'
import { createClient } from 'redis'
import { createWith } from './langchain.mjs'

export async function create(context) {
  const client = createClient({ url: context.redis })
  client.on('error', () => undefined)
  await client.connect()
  return await createWith(context, new RedisCache(client))
}
