import type { Gateway, GatewayOptions } from '@hotdash/llm-gateway'

/**
 * Opens a gateway that makes no call, for what administrators do to the caches of all agents at a Redis. It waits for Redis
 * longer than calls do, and delivers no record.
 *
 * @throws RedisUnavailable (`work` rejects) where Redis cannot be reached
 */
export async function withAdminGateway<T>(
  redis: string,
  options: GatewayOptions,
  work: (gateway: Gateway) => Promise<T>,
): Promise<T> {
  const { createGateway } = await import('@hotdash/llm-gateway')
  const gateway = createGateway({
    redis,
    mode: 'embedded',
    litellm: false,
    langfuse: false,
    supabase: false,
    metrics: false,
    quota: false,
    logger: false,
    deadlines: { redisMs: 5_000, connectMs: 5_000 },
    ...options,
  })
  try {
    await gateway.ready()
    return await work(gateway)
  } finally {
    await gateway.close()
  }
}
