/** A server whose replies a test chooses, to see what the command line sends and makes of them. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export interface GivenReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}

/** Runs a task with the server's base URL, and closes it. Replies `reset` breaks the connection. */
export async function withServer(
  answer: (request: SeenRequest) => GivenReply | 'reset',
  task: (url: string) => Promise<void>,
): Promise<void> {
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request
    const reply = answer({ method, path, headers, body: await buffer(request) })
    if (reply === 'reset') request.socket.destroy()
    else response.writeHead(reply.status, { ...reply.headers }).end(reply.body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await task(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
}

export const jsonReply = (
  status: number,
  body: unknown,
  type = 'application/json',
): GivenReply => ({
  status,
  headers: { 'content-type': type },
  body: JSON.stringify(body),
})
