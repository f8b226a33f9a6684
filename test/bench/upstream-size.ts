/** Events of the benchmark's streams, `[DONE]` aside. */
export const CHUNKS = 300
