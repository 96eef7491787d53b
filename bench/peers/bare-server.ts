/**
 * `node:http` with a static reply, on as many threads as Denizen has, all listening at one port. A
 * PUT is read to its end, and nothing is kept. Arguments: PORT THREADS VALUE_BYTES.
 */
import { createServer } from 'node:http'
import { argv } from 'node:process'
import { isMainThread, Worker } from 'node:worker_threads'
import { valueText } from '../keys.ts'

const [port = 0, threads = 1, valueBytes = 0] = argv.slice(2).map(Number)

if (isMainThread) {
  for (let thread = 0; thread < threads; thread++) {
    new Worker(new URL(import.meta.url), { argv: argv.slice(2) })
  }
} else {
  const reply = Buffer.from(valueText(0, valueBytes))
  const headers = { 'content-type': 'application/octet-stream', 'content-length': reply.length }
  createServer((request, response) => {
    request.resume()
    if (request.method === 'GET') response.writeHead(200, headers).end(reply)
    else request.on('end', () => response.writeHead(204).end())
  }).listen({ host: '127.0.0.1', port, reusePort: true })
}
