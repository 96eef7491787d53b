/** Why a node did not start: what happened, what to do, and the exit code. Nothing was started. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly action: string
  readonly exitCode: number

  constructor(message: string, action: string, exitCode = 2) {
    super(message)
    this.action = action
    this.exitCode = exitCode
  }
}
