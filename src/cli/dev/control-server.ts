/**
 * The control socket of a running world: HTTP on a unix socket in its data directory, for `denizen
 * dev kill`, `cut` and so on from another terminal. Only who may open the file may use it.
 */
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { z } from 'zod'
import { CliError, exitCodes } from '../exit-codes.ts'
import type { RegionStatus, World } from './world.ts'

const commandSchema = z.discriminatedUnion('do', [
  z.strictObject({ do: z.enum(['kill', 'stop', 'start']), region: z.string() }),
  z.strictObject({ do: z.literal('cut'), regions: z.tuple([z.string(), z.string()]) }),
  z.strictObject({
    do: z.literal('heal'),
    regions: z.tuple([z.string(), z.string()]).optional(),
  }),
])
export type WorldCommand = z.infer<typeof commandSchema>

export interface WorldStatus {
  readonly pid: number
  readonly latency: 'real' | 'none'
  readonly regions: readonly RegionStatus[]
  readonly cuts: readonly (readonly [string, string])[]
}

export type ControlReply = WorldStatus | { readonly error: string; readonly action?: string }

export interface ControlServer {
  close(): Promise<void>
}

/** A started region that is not ready by then is reported; it may still come. */
const readyMaxMs = 30_000

export async function startControlServer(
  socket: string,
  world: World,
  latency: 'real' | 'none',
): Promise<ControlServer> {
  const status = (): WorldStatus => ({
    pid: process.pid,
    latency,
    regions: world.status(),
    cuts: world.cuts(),
  })
  const app = new Hono()
  app.get('/status', context => context.json<ControlReply>(status()))
  app.post('/command', async context => {
    const command = commandSchema.safeParse(await context.req.json())
    if (!command.success) return context.json<ControlReply>({ error: 'unknown command' }, 400)
    await obey(world, command.data)
    return context.json<ControlReply>(status())
  })
  app.onError((error, context) => {
    if (!(error instanceof CliError)) throw error
    const { message, action, exitCode } = error
    const reply = { error: message, ...(action !== undefined && { action }) }
    return context.json<ControlReply>(reply, exitCode === exitCodes.usage ? 400 : 500)
  })
  const server = createServer(getRequestListener(app.fetch))
  await listen(server, socket)
  chmodSync(socket, 0o600)
  return {
    close: async () => {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
      rmSync(socket, { force: true })
    },
  }
}

function listen(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, resolve)
  })
}

async function obey(world: World, command: WorldCommand): Promise<void> {
  switch (command.do) {
    case 'kill':
      return world.kill(command.region)
    case 'stop':
      return world.stop(command.region)
    case 'start':
      await world.start(command.region)
      return world.ready([command.region], readyMaxMs)
    case 'cut':
      return world.cut(...command.regions)
    case 'heal':
      return world.heal(...(command.regions ?? []))
  }
}
