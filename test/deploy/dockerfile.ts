/** A Dockerfile as its instructions, as far as ours needs it. */

export interface Instruction {
  readonly name: string
  readonly rest: string
}

/** The stages, each from its FROM on. */
export function parseDockerfile(text: string): readonly (readonly Instruction[])[] {
  const stages: Instruction[][] = []
  const lines = text
    .split('\n')
    .filter(line => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, '')
  for (const line of lines.split('\n')) {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    if (name === '') throw new Error(`no instruction: ${line}`)
    if (name === 'FROM') stages.push([])
    const stage = stages.at(-1)
    if (!stage) throw new Error(`${name} stands before FROM`)
    stage.push({ name, rest })
  }
  return stages
}

export interface Copy {
  /** The stage that it copies from; `undefined`: the checkout. */
  readonly stage: string | undefined
  readonly sources: readonly string[]
  readonly target: string
}

export const copies = (stage: readonly Instruction[]): readonly Copy[] =>
  restsOf(stage, 'COPY').map(rest => {
    const words = rest.split(/\s+/)
    const from = words.find(word => word.startsWith('--from='))?.slice('--from='.length)
    const paths = words.filter(word => !word.startsWith('--'))
    return { stage: from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' }
  })

/** What follows each instruction of a name. */
export const restsOf = (stage: readonly Instruction[], name: string): readonly string[] =>
  stage.filter(instruction => instruction.name === name).map(({ rest }) => rest)

/** The last one of a name, in its JSON form: ["node", "bin/denizen.js"]. */
export function wordsOf(stage: readonly Instruction[], name: string): readonly string[] {
  const rest = restsOf(stage, name).at(-1) ?? ''
  const words: unknown = JSON.parse(rest.slice(rest.indexOf('[')))
  if (!Array.isArray(words)) throw new Error(`${name} is not in JSON form`)
  return words.map(String)
}
