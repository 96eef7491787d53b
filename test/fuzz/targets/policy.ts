/** Policies: compiled, or refused with reasons that stand somewhere in the file. Never both. */
import { readdirSync, readFileSync } from 'node:fs'
import { compilePolicy, regionsSetting } from '../../../src/policy/compile.ts'
import { formatDiagnostic } from '../../../src/policy/diagnostic.ts'
import { policyReport, reportTable } from '../../../src/policy/report.ts'
import { fromTexts, mutateText } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

const root = new URL('../../../', import.meta.url)
const read = (path: string) => ({ file: path, text: readFileSync(new URL(path, root), 'utf8') })
const isOfSample = (name: string): boolean =>
  /^(eu-west|eu-central|us-east|ap-northeast)\.yaml$/.test(name)
const regionFiles = readdirSync(new URL('regions/', root))
  .filter(isOfSample)
  .map(name => read(`regions/${name}`))
const sample = read('denizen.yaml').text.replace(/^\s*#.*\n/gm, '')
const [regionSample] = regionFiles

const words = fromTexts(
  ...[
    '!',
    '!!js/function',
    '&a ',
    '*a',
    '<<: *a',
    '__proto__',
    'constructor',
    'toString',
    'no',
    '~',
  ],
  ...['{', '}', '[', ']', ': ', '- ', '\n', '\n  ', '\t', '"', "'", '|\n', '>\n', '---\n', '...\n'],
  ...['%YAML 1.1\n', 'eea', 'country:', 'country:DE', 'adequate:eu+dpf', 'all:', 'any:', 'except:'],
  ...['never', 'only', '*', 'anywhere', 'prefix:', 'pinned:', '99999999999', '1e999', '.inf', '-1'],
  ...['é', '\u0000', '\u2028', '\ufeff', 'eu/', '"eu/acme/":', '30d', 'quorum', '? ', '#'],
)
/** A file of a region is told by a member that only such a file has. */
const isRegionFile = (text: string): boolean => text.includes('providerRegion')

export const open = (): FuzzTarget => ({
  generate: random =>
    mutateText(random, random.oneIn(5) ? (regionSample?.text ?? '') : sample, words),
  check(input) {
    const text = new TextDecoder().decode(input)
    const isRegion = isRegionFile(text)
    const policyFile = { file: 'denizen.yaml', text: isRegion ? sample : text }
    const own = isRegion
      ? [{ file: 'regions/own.yaml', text }, ...regionFiles.slice(1)]
      : regionFiles
    regionsSetting(policyFile)
    const compiled = compilePolicy({ policy: policyFile, regionFiles: own, today: '2026-11-22' })
    const { policy, diagnostics } = compiled
    const hasErrors = diagnostics.some(({ severity }) => severity === 'error')
    rule((policy === undefined) === hasErrors, 'there is a policy where there are no errors')
    const lines = 1 + Math.max(...[policyFile, ...own].map(file => file.text.split('\n').length))
    for (const diagnostic of diagnostics) {
      const { line, column } = diagnostic
      rule(line >= 1 && line <= lines && column >= 1, `a place in the file: ${line}:${column}`)
      formatDiagnostic(diagnostic)
    }
    if (policy) reportTable(policyReport(policy, diagnostics))
  },
})
