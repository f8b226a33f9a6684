/** A Lua script, as text: tsup and vitest both load it so. */
declare module '*.lua' {
  const source: string
  export default source
}
