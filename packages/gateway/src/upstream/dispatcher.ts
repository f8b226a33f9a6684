/** The object through which `fetch` sends requests: its connection pool, or a proxy or mock that a program has set instead. */
export type Dispatcher = {
  dispatch: (
    request: {
      origin: string
      path: string
      method: string
      headers: Record<string, string>
      body: string | Uint8Array
    },
    handler: object,
  ) => boolean
  /** True for a mock; absent otherwise. */
  isMockActive?: boolean
}
