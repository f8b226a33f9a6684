/** How a peer is asked: through its library in the calling process, or through its server by the bare client. */
export type Peer = {
  name: string
  /** Where it is installed, and the name by which `--only` knows it. */
  id: string
  /** Exact versions from npm. Absent: it is this checkout. */
  npm?: Record<string, string>
  overrides?: Record<string, string>
  /** Its peer dependencies name SDKs of other providers, which are not installed. */
  legacyPeers?: boolean
  /** Not at npm: cloned and compiled. */
  git?: { url: string; commit: string }
  /** A file of `sides/`; those of this checkout are run where they are, others from the peer's folder. */
  side: string
  /** Files that the side imports. */
  with?: string[]
  proxy?: 'serve' | 'portkey' | 'litellm'
  workers?: number
  /** It makes this share of the calls of a turn: it is slow, and the run shall end. */
  share?: number
  usesRedis?: boolean
  /** What its cache answers from. */
  cache?: 'memory' | 'Redis'
  streams: boolean
  /** It limits dollars, or tokens that stand for them, for all processes together. */
  budget?: boolean
  configuration: string
}

const OPENAI = { openai: '7.57.0' }
const LANGCHAIN = { '@langchain/openai': '1.6.0', '@langchain/core': '1.4.0' }

export const PEERS: Peer[] = [
  {
    name: 'bare `openai`',
    id: 'bare',
    npm: OPENAI,
    side: 'bare.mjs',
    streams: true,
    configuration: '`maxRetries: 0`, as for all',
  },
  {
    name: 'ours, memory',
    id: 'ours',
    side: 'ours.ts',
    cache: 'memory',
    streams: true,
    configuration: 'a policy with routing by length; `quota: false`',
  },
  {
    name: 'ours, Redis',
    id: 'ours-redis',
    side: 'ours-redis.ts',
    usesRedis: true,
    cache: 'Redis',
    streams: true,
    configuration: 'the same, and `redis`; `localSeconds: 0`, so that each hit is one of Redis',
  },
  {
    name: 'ours, Redis + limits',
    id: 'ours-limits',
    side: 'ours-limits.ts',
    usesRedis: true,
    cache: 'Redis',
    streams: true,
    budget: true,
    configuration: 'the same, and limits on requests, tokens and dollars that are not met',
  },
  {
    name: 'LangChain, memory',
    id: 'langchain',
    npm: { ...OPENAI, ...LANGCHAIN },
    side: 'langchain.mjs',
    cache: 'memory',
    streams: true,
    configuration: '`ChatOpenAI`, `cache: true`: `InMemoryCache`',
  },
  {
    name: 'LangChain, Redis',
    id: 'langchain-redis',
    npm: { ...OPENAI, ...LANGCHAIN, '@langchain/redis': '1.1.2', redis: '6.3.1' },
    side: 'langchain-redis.mjs',
    with: ['langchain.mjs'],
    usesRedis: true,
    cache: 'Redis',
    streams: true,
    configuration: '`ChatOpenAI`, `RedisCache` over node-redis',
  },
  {
    name: 'AI SDK, Redis',
    id: 'ai-sdk',
    npm: { ai: '7.0.173', '@ai-sdk/openai': '4.0.118', ioredis: '6.0.0', zod: '4.6.7' },
    side: 'ai-sdk.mjs',
    usesRedis: true,
    cache: 'Redis',
    streams: true,
    configuration: "the caching middleware of the SDK's page, over ioredis; Chat Completions",
  },
  {
    name: '`observeOpenAI`',
    id: 'observe-openai',
    npm: {
      ...OPENAI,
      '@langfuse/openai': '5.11.1',
      '@langfuse/otel': '5.11.1',
      '@opentelemetry/api': '1.9.1',
      '@opentelemetry/core': '2.12.1',
      '@opentelemetry/sdk-trace-base': '2.12.1',
      '@opentelemetry/exporter-trace-otlp-http': '0.223.1',
      '@opentelemetry/sdk-trace-node': '2.12.1',
    },
    side: 'observe-openai.mjs',
    streams: true,
    configuration: '`LangfuseSpanProcessor`, batches sent to a stand-in Langfuse',
  },
  {
    name: 'budget-guard, Redis',
    id: 'budget-guard',
    npm: { ...OPENAI, redis: '6.3.1', typescript: '6.0.3', '@types/node': '22.20.5' },
    git: { url: 'https://github.com/kimbeomgyu/budget-guard.git', commit: '92106da' },
    side: 'budget-guard.mjs',
    usesRedis: true,
    streams: true,
    budget: true,
    configuration: '0.7.1, built from its repository; `redisStore`, `estimator()`: reserves before the call',
  },
  {
    name: 'llm-spend-guard, Redis',
    id: 'llm-spend-guard',
    npm: { ...OPENAI, 'llm-spend-guard': '2.0.6', ioredis: '5.9.2' },
    legacyPeers: true,
    side: 'llm-spend-guard.mjs',
    usesRedis: true,
    streams: false,
    budget: true,
    configuration: '`RedisStorage`, a daily budget of tokens; it has no streams',
  },
  {
    name: 'Bottleneck, clustered',
    id: 'bottleneck',
    npm: { ...OPENAI, bottleneck: '2.19.5', ioredis: '5.9.2' },
    side: 'bottleneck.mjs',
    usesRedis: true,
    streams: true,
    configuration: 'a reservoir of requests that is refilled each minute, in Redis',
  },
  {
    name: 'rate-limiter-flexible, Redis',
    id: 'rate-limiter-flexible',
    npm: { ...OPENAI, 'rate-limiter-flexible': '11.4.0', ioredis: '6.0.0' },
    side: 'rate-limiter-flexible.mjs',
    usesRedis: true,
    streams: true,
    configuration: '`RateLimiterRedis`, requests a minute',
  },
  {
    name: 'ours, `serve`',
    id: 'serve',
    npm: OPENAI,
    side: 'bare.mjs',
    proxy: 'serve',
    usesRedis: true,
    cache: 'memory',
    streams: true,
    budget: true,
    configuration: '`llm-gateway serve` with team keys, limits and Redis; memory before Redis, as by default',
  },
  {
    name: 'Portkey gateway',
    id: 'portkey',
    npm: { ...OPENAI, '@portkey-ai/gateway': '1.15.2' },
    overrides: { '@hono/node-server': '1.13.8' },
    side: 'bare.mjs',
    proxy: 'portkey',
    streams: true,
    configuration:
      'the program of npm, which has no cache; `@hono/node-server` 1.13.8: streams fail with later ones',
  },
  {
    name: 'LiteLLM, 1 worker',
    id: 'litellm',
    npm: OPENAI,
    side: 'bare.mjs',
    proxy: 'litellm',
    workers: 1,
    share: 0.3,
    usesRedis: true,
    cache: 'Redis',
    streams: true,
    configuration: 'as `llm-gateway litellm-config` writes it: keys, limits, cache and router in Redis',
  },
  {
    name: 'LiteLLM, 2 workers',
    id: 'litellm-2',
    npm: OPENAI,
    side: 'bare.mjs',
    proxy: 'litellm',
    workers: 2,
    share: 0.3,
    usesRedis: true,
    cache: 'Redis',
    streams: true,
    budget: true,
    configuration: 'the same with `--num_workers 2`',
  },
]
