export type Controls = Record<string, never>
