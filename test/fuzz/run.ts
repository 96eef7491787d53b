/**
 * `npm run fuzz`: every target with tens of thousands of new cases. `-- TARGET … --seed N --cases
 * N --first N` asks for less, or for the same again. A case that fails is printed as small as it
 * could be made, and kept in test/seeds/fuzz, where `npm test` finds it. Of one that hangs there is
 * only the number, since its worker is gone.
 */
import { parseArgs } from 'node:util'
import { type Finding, fuzz } from './drive.ts'
import { keepCase } from './kept-cases.ts'
import { targets } from './targets.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, cases: { type: 'string' }, first: { type: 'string' } },
})
const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0])
const first = Number(values.first ?? 0)
const cases = values.cases ?? process.env.DENIZEN_FUZZ_CASES

const print = (line: string): void => void process.stdout.write(`${line}\n`)

function report(name: string, { index, why, input }: Finding): void {
  print(`FAIL  ${name}  case ${index}`)
  for (const line of why.split('\n')) print(`    | ${line}`)
  print(`    run it again: npm run fuzz -- ${name} --seed ${seed} --first ${index} --cases 1`)
  if (!input) return
  print(`    smallest: ${JSON.stringify(Buffer.from(input).toString('latin1'))}`)
  keepCase(name, input, why.split('\n')[0] ?? '')
}

for (const name of positionals.length > 0 ? positionals : Object.keys(targets)) {
  const entry = targets[name]
  if (!entry) throw new Error(`no target is called ${name}: ${Object.keys(targets).join(', ')}`)
  const startMs = performance.now()
  const count = Number(cases ?? entry.longCases)
  const finding = await fuzz(name, { seed, first, count })
  if (finding) {
    report(name, finding)
    process.exitCode = 1
  } else {
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1)
    print(`ok    ${name}  ${count} cases, seed ${seed}, ${seconds} s`)
  }
}
