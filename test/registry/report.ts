/** Returns the page with what was installed from a private registry, and ran. @param rows part, case, result */
export function tablePage(rows: string[][]): string {
  return `# Installed from a private registry

What the last full run of the test of the registry saw. It writes this page:

\`\`\`sh
npm run test:registry -- --report
\`\`\`

Each app is a new folder with the packages of that line. It is compiled by \`tsc\` in strict mode and run against the fake OpenAI of
\`@hotdash/llm-gateway-testing\` and a real Redis: a hit, a streamed hit, structured output by zod, a refusal, an ioredis client of its
own, a record per call.

| part | case | result |
|---|---|---|
${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}
`
}
