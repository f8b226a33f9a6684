/** What was asked of us for one call, from all doors, checked. */
export type Controls = {
  cache: {
    read: boolean
    store: boolean
    onlyIfCached: boolean
    /** Answers to other wordings will do. */
    semantic: boolean
    /** Seconds; absent: the policy's. */
    ttl?: number
    /** Seconds; absent: any age within its life. */
    maxAge?: number
    namespace?: string
  }
  session?: string
  user?: string
  /** Every name of the end user and of the session, from all doors, and who says so. Absent: none was given. */
  people?: readonly string[]
  /** One of them is no name: whose the call is cannot be told. */
  unusable?: true
  trace?: string
  tags: string[]
  onLimit?: 'reject' | 'wait'
}

/** Told of each control that is ignored, by its name. */
export type Complain = (field: string) => void
