/** Validated controls of one call, merged from context, headers and LiteLLM body fields. */
export type Controls = {
  cache: {
    read: boolean
    store: boolean
    onlyIfCached: boolean
    /** Allows answers to other wordings. */
    semantic: boolean
    /** Seconds. Absent: the policy's value. */
    ttl?: number
    /** Seconds. Absent: any age within the entry's lifetime. */
    maxAge?: number
    namespace?: string
  }
  session?: string
  user?: string
  /** Every name of the end user and of the session, from all sources, each with its source. Absent: none was given. */
  people?: readonly string[]
  /** Set when one of the names is invalid: the end user of the call is then unknown. */
  unusable?: true
  trace?: string
  tags: string[]
  onLimit?: 'reject' | 'wait'
}

/** Source of a session's name in `people`, before the name. */
export const SESSION_NAME = 'session '

/** Called with the name of each ignored control. */
export type Complain = (field: string) => void
