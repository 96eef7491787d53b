/** Progress of long work: a bar on a terminal, a line now and then elsewhere. */
import cliProgress from 'cli-progress'
import type { Terminal } from '../terminal.ts'

export interface Progress {
  /** `total` may change as more is known, and is left out where nothing is. */
  readonly update: (done: number, total?: number) => void
  /** May be called twice. */
  readonly stop: () => void
}

/** On no terminal: one line for each such part of the whole, or for so many pieces of work. */
const linesPerRun = 4
const lineEvery = 100_000

export const startProgress = (terminal: Terminal, what: string): Progress =>
  terminal.isInteractive ? bar(what) : lines(terminal, what)

function bar(what: string): Progress {
  const startMs = performance.now()
  const rate = (done: number): string =>
    `${Math.round((done / (performance.now() - startMs)) * 1_000)}/s`
  let shown: cliProgress.SingleBar | undefined
  return {
    update: (done, total) => {
      const known = { rate: rate(done) }
      if (!shown) {
        shown = new cliProgress.SingleBar({
          format:
            total === undefined
              ? `${what} {value} {rate} {duration_formatted}`
              : `${what} {bar} {percentage}% {value}/{total} {rate} {eta_formatted}`,
          hideCursor: true,
          clearOnComplete: true,
          stream: process.stderr,
        })
        shown.start(total ?? 0, done, known)
        return
      }
      if (total !== undefined) shown.setTotal(total)
      shown.update(done, known)
    },
    stop: () => {
      shown?.stop()
      shown = undefined
    },
  }
}

function lines(terminal: Terminal, what: string): Progress {
  let shownParts = 0
  return {
    update: (done, total) => {
      const parts = Math.floor(
        total === undefined ? done / lineEvery : (done / total) * linesPerRun,
      )
      if (parts > shownParts) {
        terminal.note(`${what}: ${done}${total === undefined ? '' : ` of ${total}`}`)
      }
      shownParts = Math.max(parts, shownParts)
    },
    stop: () => {},
  }
}
