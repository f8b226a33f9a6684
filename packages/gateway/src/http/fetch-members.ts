/** Members that every function has of its own. */
const OF_FUNCTIONS: ReadonlySet<PropertyKey> = new Set(['length', 'name', 'prototype', 'arguments', 'caller'])

/** Adds to `wrapped` the members that a program has put on its own `fetch`, such as the calls that a mock notes. */
export function withMembersOf(transport: typeof fetch, wrapped: typeof fetch): typeof fetch {
  for (const name of Reflect.ownKeys(transport)) {
    if (OF_FUNCTIONS.has(name)) continue
    Object.defineProperty(wrapped, name, {
      get: () => Reflect.get(transport, name),
      set: (value: unknown) => void Reflect.set(transport, name, value),
      enumerable: Object.prototype.propertyIsEnumerable.call(transport, name),
      configurable: true,
    })
  }
  return wrapped
}
