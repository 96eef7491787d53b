/** Time of the processor that this process has taken: it tells nothing of a busy machine. */
export function ownMsOf(task: () => void): number {
  const before = process.cpuUsage()
  task()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
