/** What `fetch` sends requests through: its pool of connections, with whatever proxy or mock was put in its place. */
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
  /** True of a mock. */
  isMockActive?: boolean
}
