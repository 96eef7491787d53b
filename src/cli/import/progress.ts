/** Progress of long work: a bar on a terminal, a line now and then elsewhere. */
import cliProgress from 'cli-progress'
import type { Terminal } from '../terminal.ts'

export interface Progress {
  readonly update: (done: number, total: number) => void
  /** May be called twice. */
  readonly stop: () => void
}

/** On no terminal: one line for each such part of the whole. */
const linesPerRun = 4

export const startProgress = (terminal: Terminal, what: string): Progress =>
  terminal.isInteractive ? bar(what) : lines(terminal, what)

function bar(what: string): Progress {
  const shown = new cliProgress.SingleBar({
    format: `${what} {bar} {percentage}% {value}/{total} {eta_formatted}`,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  })
  let isStarted = false
  return {
    update: (done, total) => {
      if (!isStarted) shown.start(total, done)
      else shown.update(done)
      isStarted = true
    },
    stop: () => {
      if (isStarted) shown.stop()
      isStarted = false
    },
  }
}

function lines(terminal: Terminal, what: string): Progress {
  let shownParts = 0
  return {
    update: (done, total) => {
      const parts = Math.floor((done / total) * linesPerRun)
      if (parts > shownParts) terminal.note(`${what}: ${done} of ${total}`)
      shownParts = Math.max(parts, shownParts)
    },
    stop: () => {},
  }
}
