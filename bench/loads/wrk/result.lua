-- What all scripts share: numbers as texts of nine digits, random keys, and the result as one line.

function digits(n)
  return string.format('%09d', n)
end

local filler = ' denizen'

-- What all values of that many bytes have behind the nine digits of their keys.
function fill(bytes)
  return string.sub(string.rep(filler, math.ceil(bytes / #filler)), 1, bytes - 9)
end

function seed()
  math.randomseed(os.time() * 1000 + tonumber(string.match(tostring({}), '0x(%x+)'), 16) % 1000)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%.6f,"bytes":%d,"failedConnections":%d,"wrongStatuses":%d,'
      .. '"timeouts":%d,"wrongReplies":%d,"p50Ms":%.3f,"p99Ms":%.3f,"maxMs":%.3f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write, errors.status, errors.timeout, wrongReplies(),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

-- Replies that a script found wrong by itself: each thread counts in a state of its own.
function wrongReplies()
  local sum = 0
  for _, thread in ipairs(threads) do
    sum = sum + (thread:get('wrong') or 0)
  end
  return sum
end
