/**
 * The table of errors: every failure a caller can meet, once. A code is stable; texts may change.
 *
 * `applied` says whether the request took effect, `retry` whether sending it again is safe. Both
 * are promises: 503 is used only if nothing was sent or nothing applied, else 500
 * `outcome_unknown`. `action` tells the caller what to do next.
 */
export type Applied = 'yes' | 'no' | 'unknown'
export type Retry = 'safe' | 'with-idempotency-key' | 'no'
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

interface ErrorKind {
  readonly status: number
  readonly title: string
  readonly applied: Applied
  readonly retry: Retry
  readonly level: LogLevel
  readonly action: string
}

const kind = (
  status: number,
  title: string,
  action: string,
  { applied = 'no', retry = 'no', level = 'debug' }: Partial<ErrorKind> = {},
): ErrorKind => ({ status, title, action, applied, retry, level })

export const errorKinds = {
  // The caller's request.
  bad_request: kind(400, 'The request is malformed', 'Correct the request as the detail says.'),
  bad_body: kind(400, 'The body can not be decoded', 'Send well-formed CBOR or JSON as declared.'),
  bad_key: kind(
    400,
    'The key is not valid',
    'Use 1 to 1,024 bytes of UTF-8 in segments separated by "/", none of them empty, "." or "..".',
  ),
  bad_precondition: kind(
    400,
    'A precondition is not valid',
    'Send If-Match or If-None-Match with an ETag as Denizen returned it, or "*".',
  ),
  bad_session: kind(
    400,
    'The session token is not valid',
    'Send Denizen-Session exactly as the last reply gave it, or leave it out to start a session.',
  ),
  not_supported: kind(
    400,
    'This version does not support that',
    'Leave the named header or parameter out.',
  ),
  acks_above_regions: kind(
    400,
    'More regions are to have the write than may store the dataset',
    'Send Denizen-Acks with at most the number in the detail, or quorum, or all.',
  ),
  unauthenticated: kind(
    401,
    'The request says not, or not provably, who sends it',
    'Send Authorization: Bearer with a token of this cluster; denizen token create makes one.',
  ),
  forbidden: kind(
    403,
    'The caller may not do this',
    'Use a token with a scope for the verb and dataset that the body names, or ask for one.',
  ),
  not_found: kind(404, 'There is no such key', 'Write it first, or check its spelling.'),
  unknown_dataset: kind(
    404,
    'There is no such dataset',
    'Check the name against GET /v1/cluster, or add the dataset to denizen.yaml.',
  ),
  unknown_route: kind(404, 'There is no such route', 'See /openapi.json for the routes.'),
  method_not_allowed: kind(
    405,
    'This route does not take that method',
    'Use one of the methods in the Allow header.',
  ),
  not_acceptable: kind(
    406,
    'The value can not be represented as asked',
    'Ask for the type it was stored with, or leave Accept out.',
  ),
  body_timeout: kind(
    408,
    'The rest of the body did not come in time',
    'Send the rest without long pauses, or end the body and begin another.',
    { retry: 'safe' },
  ),
  client_not_reading: kind(
    408,
    'The client does not read the results of its stream',
    'Read results while sending. Those sent are true; send again what came after the last of them.',
    { retry: 'safe', level: 'warn' },
  ),
  upgrade_refused: kind(
    409,
    'Not every node can work with the newer data format yet',
    'Upgrade and start the nodes that the detail names, then finalize again.',
  ),
  rehome_refused: kind(
    409,
    'The group can not be moved there now',
    'Its home is what denizen explain says, with what is permitted. Retry if the detail names what may pass.',
    { level: 'info' },
  ),
  cursor_too_old: kind(
    410,
    'The changes since this cursor are not known here any more',
    'Watch again without a cursor, and drop what is not seen before the live mark.',
    { level: 'info' },
  ),
  group_moved: kind(410, 'The group was moved', 'Begin the key with the prefix in movedTo.'),
  version_mismatch: kind(
    412,
    'The precondition does not hold',
    'Read the key again and decide on its current version.',
  ),
  too_large: kind(413, 'The body is too large', 'Split it, or store a reference instead.'),
  unsupported_media_type: kind(
    415,
    'The body has a type that this route does not take',
    'Send application/cbor or application/json and say so in Content-Type.',
  ),
  misdirected_region: kind(
    421,
    'This region may not answer for the dataset',
    'Send the request to the region named in the body. Clients drop Authorization when they follow a redirect to another host: send it again.',
  ),
  no_partition: kind(
    422,
    'No partition of the dataset matches the key',
    'Begin the key with one of the prefixes that the dataset declares.',
  ),
  outside_group: kind(
    422,
    'A transaction lies in one group',
    'Name the group in the path, and only keys of that group in the body.',
  ),
  idempotency_mismatch: kind(
    422,
    'The Idempotency-Key was used for another request',
    'Use a new key for a new request, and the same key only to repeat the very same one.',
  ),
  prefix_spans_partitions: kind(
    422,
    'The prefix lies in no single partition or group',
    'Ask for one partition (or, for strong reads, one group) at a time.',
  ),
  rate_limited: kind(
    429,
    'The caller, or all of them together, send more requests than their rate permits',
    'Retry after the time in Retry-After, and send fewer requests a second.',
    { retry: 'safe' },
  ),
  quota_exceeded: kind(
    429,
    'The dataset has used up its quota on this node',
    'Delete what is not needed, or ask for a larger quota.',
    { retry: 'safe', level: 'info' },
  ),
  refused_region: kind(
    451,
    'The policy forbids answering here',
    'Use a region that the policy permits to serve this dataset.',
  ),
  forbidden_place: kind(
    451,
    'The policy forbids keeping a copy there, and a backup is one',
    'Keep the backup in a region that may store all of its datasets, or name fewer with --dataset.',
  ),
  redirect: kind(
    307,
    'Another region answers for the dataset',
    'Follow Location. Clients drop Authorization when they follow it to another host: send it again.',
    { retry: 'safe' },
  ),

  // The world.
  home_unreachable: kind(
    503,
    'The home region of the group can not be reached',
    'Retry later; nothing was applied. Reads with Denizen-Consistency: eventual go on.',
    { retry: 'safe', level: 'warn' },
  ),
  registrar_unavailable: kind(
    503,
    'The registrar of the group can not be reached',
    'Retry later; nothing was applied. Groups that already have a home are not affected.',
    { retry: 'safe', level: 'warn' },
  ),
  home_moving: kind(
    503,
    'The group is between two homes',
    'Retry soon; nothing was applied. Reads with Denizen-Consistency: eventual go on.',
    { retry: 'safe', level: 'info' },
  ),
  coordinator_unavailable: kind(
    503,
    'The keeper of the cluster can not be reached',
    'Retry later; data goes on flowing meanwhile.',
    { retry: 'safe', level: 'warn' },
  ),
  policy_changing: kind(
    409,
    'The policy is being changed already',
    'Wait for its end: denizen policy apply --watch shows how far it is. To undo it, apply the policy before it afterwards.',
  ),
  policy_refused: kind(
    422,
    'The policy can not be applied',
    'Change the policy as the detail says; denizen policy plan shows all that stands in the way.',
  ),
  session_ahead: kind(
    503,
    'No reachable copy has all that this session has seen',
    'Retry soon; copies catch up. Without Denizen-Session an older state is answered at once.',
    { retry: 'safe', level: 'info' },
  ),
  copies_too_old: kind(
    503,
    'No reachable copy is provably as young as was asked',
    'Retry later, or ask with a larger bound: the body names the youngest copy that was asked, and its age in stalenessMs, which grows.',
    { retry: 'safe', level: 'info' },
  ),
  no_serving_region: kind(
    503,
    'No region that may answer for the dataset can be reached',
    'Retry later.',
    { retry: 'safe', level: 'warn' },
  ),
  keys_unavailable: kind(
    503,
    'The keys that verify JSON Web Tokens can not be had',
    'Retry later, or use a token of the access file.',
    { retry: 'safe', level: 'warn' },
  ),
  not_ready: kind(
    503,
    'The node has not learnt the policy in force yet',
    'Retry soon; see /readyz. An operator may state --others-stopped, after a restore --lost.',
    { retry: 'safe', level: 'info' },
  ),
  overloaded: kind(503, 'The node has too much to do', 'Retry after the time in Retry-After.', {
    retry: 'safe',
    level: 'warn',
  }),
  disk_full: kind(
    507,
    'The disk of the home is full, or read-only',
    'Retry after the time in Retry-After; nothing was written, and reads go on. The operator has to give the node more disk.',
    { retry: 'safe', level: 'warn' },
  ),
  idempotency_full: kind(
    503,
    'Too many idempotency records are kept for keys of this slot',
    'Retry later: each is kept for a day. Without Idempotency-Key the write is taken at once.',
    { retry: 'safe', level: 'warn' },
  ),
  outcome_unknown: kind(
    500,
    'The request was sent, but no answer came back',
    'Repeat it with the same Idempotency-Key if it had one; else read the key to see whether the write took effect, and repeat it with If-Match.',
    { applied: 'unknown', retry: 'no', level: 'warn' },
  ),
  acks_timeout: kind(
    500,
    'The write took effect, but too few regions had it on disk in time',
    'Go on with the version and the session token of this reply: the write stands at its home, and reaches the other regions once they can be reached. Repeat it with the same Idempotency-Key to wait for them again.',
    { applied: 'yes', retry: 'no', level: 'warn' },
  ),
  stale_policy: kind(
    503,
    'The other node works under another policy epoch',
    'Retry; nodes converge on the policy in force by themselves.',
    { retry: 'safe', level: 'info' },
  ),
  damaged_record: kind(
    500,
    'A stored record fails its checksum',
    'Retry soon: it is refused, never guessed, until it was fetched from another region. A write without a precondition replaces it at once; denizen doctor --scrub counts what is damaged.',
    { retry: 'safe', level: 'error' },
  ),
  residency_violation: kind(
    500,
    'A residency check stopped this request',
    'This is a bug in Denizen: nothing was stored. Please report it with the logs.',
    { level: 'error' },
  ),
  internal: kind(500, 'Denizen failed', 'This is a bug: please report it with the logs.', {
    applied: 'unknown',
    level: 'error',
  }),
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof errorKinds

export const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(errorKinds, text)
