/**
 * Context windows in tokens, by name prefix; the first match counts. Source: OpenAI, "Models"
 * (developers.openai.com/api/docs/models), each model's page.
 */
const WINDOWS: [name: string, tokens: number][] = [
  ['gpt-5.4-mini', 400_000],
  ['gpt-5.4-nano', 400_000],
  ['gpt-5.4', 1_050_000],
  ['gpt-5.5', 1_050_000],
  ['gpt-5.6', 1_050_000],
  ['gpt-5.3', 400_000],
  ['gpt-5.2', 400_000],
  ['gpt-5.1', 400_000],
  ['gpt-5', 400_000],
  ['gpt-4.1', 1_047_576],
  ['gpt-4.5', 128_000],
  ['gpt-4o', 128_000],
  ['gpt-audio', 128_000],
  ['gpt-4-turbo', 128_000],
  ['chatgpt-4o', 128_000],
  ['gpt-4-32k', 32_768],
  ['gpt-4', 128_000],
  ['gpt-3.5-turbo', 16_385],
  ['o1-mini', 128_000],
  ['o1-preview', 128_000],
  ['o1', 200_000],
  ['o3', 200_000],
  ['o4-mini', 200_000],
  ['text-embedding-', 8_192],
]

/** For models that are not listed: twice the widest window OpenAI has published. */
const WIDEST = 2_097_152

/** A name that continues after its version (`gpt-5` in `gpt-5.9`, `gpt-50`) is another model. */
const begins = (model: string, name: string) =>
  model.startsWith(name) && (name.endsWith('-') || !/^[.\d]/.test(model.slice(name.length)))

/** Returns the most tokens a model can read in one pass; fine-tuned models (`ft:...`) have the window of their base. */
export function contextWindow(model: string): number {
  const base = model.startsWith('ft:') ? model.slice(3) : model
  return WINDOWS.find(([name]) => begins(base, name))?.[1] ?? WIDEST
}
