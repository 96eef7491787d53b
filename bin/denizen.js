#!/usr/bin/env node
// Plain JavaScript that any old Node can parse: Denizen needs one that runs TypeScript as it is. In
// a checkout `npm ci` brings the right Node as a package, so an older one hands over to it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const majorMin = 26
const handedOverMark = 'DENIZEN_NODE_HANDED_OVER'

const isNewEnough = Number(process.versions.node.split('.')[0]) >= majorMin
const localNode = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))

if (isNewEnough) {
  // The mark is for one step only: a child may well be started by an old Node again.
  delete process.env[handedOverMark]
  const { main } = await import('../src/cli/main.ts')
  await main(process.argv.slice(2))
} else if (existsSync(localNode) && process.env[handedOverMark] === undefined) {
  handOver()
} else {
  console.error(
    `Denizen needs Node ${majorMin} or newer; this is ${process.versions.node}.\n` +
      `Install Node ${majorMin} (https://nodejs.org), or run "npm ci" in the checkout, which brings it.`,
  )
  process.exitCode = 2
}

/** Runs the same command with the checkout's Node and ends as it ends. */
function handOver() {
  const script = fileURLToPath(import.meta.url)
  // Before there is a child: a signal in between would end this process and leave that one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
    process.on(signal, () => child.kill(signal))
  }
  const child = spawn(localNode, [script, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, [handedOverMark]: '1' },
  })
  child.on('error', error => {
    console.error(`${localNode} can not be started: ${error.message}\nRun "npm ci" again.`)
    process.exitCode = 2
  })
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal]
  })
}
