import { runInNewContext } from 'node:vm'

const hostile: ProxyHandler<object> = Object.fromEntries(
  ['get', 'has', 'getPrototypeOf', 'ownKeys', 'getOwnPropertyDescriptor'].map((trap) => [
    trap,
    () => {
      throw new Error(`the trap ${trap}`)
    },
  ]),
)

/** What code may throw: few of them are an Error, and some cannot even be looked at. */
export const thrown: (() => unknown)[] = [
  () => new Error('injected'),
  () => undefined,
  () => null,
  () => 'a text',
  () => Symbol('a symbol'),
  () => Object.create(null),
  () => runInNewContext('new TypeError("of another realm")'),
  () => ({
    toString() {
      throw new Error('toString throws')
    },
  }),
  () => new Proxy({}, hostile),
  () =>
    Object.assign(new Error('x'), { message: { toString: 1 }, name: 5, cause: { code: { toString: 1 } } }),
  () => new DOMException('somebody else gave up', 'AbortError'),
]
