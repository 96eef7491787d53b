/**
 * Load of our own, in a process of its own: at a fixed rate for latencies, or as fast as replies
 * come where a server has no tool for that. Every reply is compared with what it has to be.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { atEnd } from '../children.ts'
import type { DialectOptions, Operation } from './reply.ts'

export interface GeneratorOptions {
  readonly dialect: DialectOptions
  readonly port: number
  readonly operation: Operation
  readonly connections: number
  /** Requests are for the keys 0 to this, at random. */
  readonly keys: number
  readonly valueBytes: number
  readonly seconds: number
  readonly warmUpSeconds: number
  /** Requests per second, on a schedule that no reply changes; without it, as replies come. */
  readonly rate?: number
}

const resultSchema = z.object({
  requests: z.int().min(1, 'no replies'),
  seconds: z.number(),
  /** From when requests were due, with a rate; from when they were sent, without. */
  p50Ms: z.number(),
  p99Ms: z.number(),
  p999Ms: z.number(),
  maxMs: z.number(),
  /** Between being due and being sent: all connections were busy, or the generator was late. */
  waitedP99Ms: z.number(),
  /** Near 1, the figure is the generator's own limit. */
  generatorCores: z.number(),
})

export type GeneratorResult = z.infer<typeof resultSchema>

const messageSchema = z.union([
  z.object({ result: resultSchema }),
  z.object({ failure: z.string() }),
])

const script = fileURLToPath(new URL('./generator-process.ts', import.meta.url))

/** Throws when a reply was wrong, or when one did not come. */
export async function generate(options: GeneratorOptions): Promise<GeneratorResult> {
  const child = fork(script)
  const forget = atEnd(() => child.kill('SIGKILL'))
  try {
    child.send(options)
    const [text] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the process that makes the load ended with ${code}`)
      }),
    ])
    const message = messageSchema.parse(text)
    if ('result' in message) return message.result
    throw new Error(`${options.dialect.kind} ${options.operation}: ${message.failure}`)
  } finally {
    child.kill('SIGKILL')
    forget()
  }
}
