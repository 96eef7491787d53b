/**
 * The limit that Denizen is measured against: `node:http` with a static reply of 100 bytes, on one
 * thread. A PUT is read to its end, and nothing is kept. Prints its port; ends with its parent.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { benchValue } from './value.ts'

const reply = Buffer.from(benchValue)
const headers = { 'content-type': 'application/octet-stream', 'content-length': reply.length }

const server = createServer((request, response) => {
  request.resume()
  if (request.method === 'GET') response.writeHead(200, headers).end(reply)
  else request.on('end', () => response.writeHead(204).end())
})
server.listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port)
})
process.on('disconnect', () => process.exit(0))
