/** The four kinds of request the gateway governs; everything else passes straight through. */
export type Operation = 'chat' | 'responses' | 'embeddings' | 'completions'

/** Why this model answers. */
export type Route = 'default' | 'requested' | 'escalated' | 'failover'

/** Where the answer came from. */
export type Via = 'upstream' | 'exact' | 'stale' | 'semantic' | 'flight' | 'refused'

/** What the gateway makes calls of its own for: a vector or a judgement for the semantic cache. */
export type Purpose = 'semantic'
