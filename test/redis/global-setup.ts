import { ensureRedis } from './server.ts'

/** Once for the whole run: where there is no server yet, it is installed. */
export const setup = () => ensureRedis()
