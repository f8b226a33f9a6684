/** How the proxy authenticates team keys. `database`: keys in LiteLLM's Postgres. `file`: a Python file with their hashes. */
export type Auth = 'database' | 'file'
