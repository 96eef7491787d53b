// For container engines: exit code 0 when the node at DENIZEN_URL, this container's own, answers
// /healthz. It is asked over loopback, where its certificate has no name to be right for.
import { get as getPlain } from 'node:http'
import { get as getEncrypted } from 'node:https'

const timeoutMs = 4_000
const url = new URL('/healthz', process.env.DENIZEN_URL ?? 'http://127.0.0.1:7001')
const options = { timeout: timeoutMs, rejectUnauthorized: false }

const request = (url.protocol === 'https:' ? getEncrypted : getPlain)(url, options, reply => {
  process.exit(reply.statusCode === 200 ? 0 : 1)
})
request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)))
request.on('error', error => {
  console.error(`${url}: ${error.message}`)
  process.exit(1)
})
