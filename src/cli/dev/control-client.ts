/** Speaks to a running world through its control socket. */
import { request } from 'node:http'
import { CliError, exitCodes } from '../exit-codes.ts'
import type { ControlReply, WorldCommand, WorldStatus } from './control-server.ts'
import { controlSocket, worldHolder } from './lock.ts'

export const worldStatus = (dataDirectory: string): Promise<WorldStatus> =>
  ask(dataDirectory, 'GET', '/status')

export const commandWorld = (dataDirectory: string, command: WorldCommand): Promise<WorldStatus> =>
  ask(dataDirectory, 'POST', '/command', command)

async function ask(
  dataDirectory: string,
  method: 'GET' | 'POST',
  path: string,
  body?: WorldCommand,
): Promise<WorldStatus> {
  const pid = worldHolder(dataDirectory)
  if (pid === undefined) {
    throw new CliError(
      exitCodes.unreachable,
      `no world runs on ${dataDirectory}`,
      'Start one with "denizen dev", or name its directory with --data.',
    )
  }
  const reply = await exchange(controlSocket(dataDirectory), method, path, body).catch(
    (error: Error) => {
      throw new CliError(
        exitCodes.unreachable,
        `the world (pid ${pid}) does not answer: ${error.message}`,
        'If it has just been started, try again; else end it and run "denizen dev".',
      )
    },
  )
  if ('error' in reply) throw new CliError(exitCodes.failed, reply.error, reply.action)
  return reply
}

/** `fetch` knows no unix sockets. The other end is this program too, so its JSON is trusted. */
function exchange(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  body: WorldCommand | undefined,
): Promise<ControlReply> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as ControlReply)
        } catch (error) {
          reject(error)
        }
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body && JSON.stringify(body))
  })
}
