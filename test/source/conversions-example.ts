/** Conversions that the search in `foreign.ts` must find. Never run. */
export const examples = [
  (inString: unknown) => String(inString),
  (inNumber: object) => Number(inNumber),
  (inTemplate: string | string[]) => `${inTemplate}`,
  // biome-ignore lint/suspicious/noExplicitAny: what comes out of JSON.parse
  (inSum: any) => inSum + 1,
  (inPlus: { a: 1 }) => +inPlus,
  (fine: string | number | null) => `${fine} ${String(fine)} ${Number(fine)}`,
]
