export type Caller = { agent: string; team: string }
