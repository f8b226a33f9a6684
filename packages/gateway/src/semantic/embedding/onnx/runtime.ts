import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** The part of ONNX Runtime's interface that is used; `onnxruntime-node` and `onnxruntime-web` share it. */
export type Session = {
  inputNames: readonly string[]
  outputNames: readonly string[]
  run: (inputs: Record<string, unknown>) => Promise<Record<string, Tensor>>
}
export type Tensor = { data: ArrayLike<number>; dims: readonly number[] }
export type Runtime = {
  Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => unknown
  InferenceSession: { create: (path: string, options: object) => Promise<Session> }
  env: { wasm: { numThreads?: number } }
}
type Tokenizers = {
  Tokenizer: new (json: object, config: object) => { encode: (text: string) => { ids: number[] } }
}
type TokenizerFile = { added_tokens?: { id: number; special?: boolean }[] }

/** Paths of installed packages. Runtimes are tried in order: native code does not load on every system. */
export type Packages = { tokenizers: string; runtimes: readonly string[] }

// Packages are outside of every bundle: their native and WebAssembly files cannot be part of one.
const load = <T>(path: string): T => createRequire(path)(path) as T

/** Splits texts into tokens. `isSpecial`: frames of a text, and the token for all that is unknown. */
export function createTokenizer(packagePath: string, file: string) {
  const json = JSON.parse(readFileSync(file, 'utf8')) as TokenizerFile
  const special = new Set((json.added_tokens ?? []).flatMap(({ id, special }) => (special ? [id] : [])))
  // A limit in the file would cut texts without a word.
  const tokenizer = new (load<Tokenizers>(packagePath).Tokenizer)(
    { ...json, truncation: null, padding: null },
    {},
  )
  return {
    encode: (text: string): number[] => tokenizer.encode(text).ids,
    isSpecial: (id: number) => special.has(id),
  }
}

/** Opens a model with the first runtime that works. @throws the last runtime's error if none does. */
export async function openSession(
  runtimes: readonly string[],
  model: string,
  threads: number,
): Promise<{ runtime: Runtime; session: Session }> {
  let cause: unknown
  for (const path of runtimes)
    try {
      const runtime = load<Runtime>(path)
      runtime.env.wasm.numThreads = threads
      const options = { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 }
      return { runtime, session: await runtime.InferenceSession.create(model, options) }
    } catch (error) {
      cause = error
    }
  throw cause
}
