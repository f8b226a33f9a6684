/** What is fuzzed: a file each in targets/. */
export const TARGETS = ['head', 'sse', 'replay', 'entry', 'policy', 'lua'] as const
