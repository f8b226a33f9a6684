/** Tokens by kind. `input` includes `cachedInput` and `audioInput`; `output` includes `reasoning` and `audioOutput`. */
export type Usage = {
  input: number
  cachedInput: number
  audioInput: number
  output: number
  reasoning: number
  audioOutput: number
}
