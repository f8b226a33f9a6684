/** Address of the page of error codes: `homepage` of package.json. `llm-gateway errors CODE` prints its text offline. */
const PAGE = 'https://github.com/hotdash/llm-gateway/blob/main/docs/errors.md'

/** Returns the message of an error with the address of the section that explains its code. */
export const withErrorPage = (message: string, code: string): string => `${message} More: ${PAGE}#${code}`
