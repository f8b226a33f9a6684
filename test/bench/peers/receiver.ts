import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Takes every trace, in a process of its own, and reads none: what a peer spends on sending is its own. */
const server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
  req.resume()
  req.on('end', () => res.writeHead(200, { 'content-type': 'application/json' }).end('{}'))
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit(0))
