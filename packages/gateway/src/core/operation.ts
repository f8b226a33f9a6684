/** The four kinds of governed requests; all others pass through. */
export type Operation = 'chat' | 'responses' | 'embeddings' | 'completions'

/** Why this model answers. */
export type Route = 'default' | 'requested' | 'escalated' | 'failover'

/** Where the answer came from. */
export type Via = 'upstream' | 'exact' | 'stale' | 'semantic' | 'flight' | 'refused'

/** What the gateway makes its own calls for: embeddings and judgements of the semantic cache. */
export type Purpose = 'semantic'
