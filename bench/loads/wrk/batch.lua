-- POST /v1/batch with many puts or gets of random keys, in CBOR. Arguments: get|put KEYS VALUE_BYTES
-- OPERATIONS PATH_OF_PUT_HEAD. Replies are few and large, so each is looked at: as many results as
-- operations, none with an error, and for gets at least as many bytes as their values have.
dofile(debug.getinfo(1, 'S').source:match('@(.*/)') .. 'result.lua')

local function head(major, n)
  if n < 24 then return string.char(major * 32 + n) end
  if n < 256 then return string.char(major * 32 + 24, n) end
  if n < 65536 then return string.char(major * 32 + 25, math.floor(n / 256), n % 256) end
  return string.char(major * 32 + 26, math.floor(n / 16777216) % 256, math.floor(n / 65536) % 256,
    math.floor(n / 256) % 256, n % 256)
end

local function text(s) return head(3, #s) .. s end

local keys, operations, isPut, frame, before, between, after, leastBytes
local pieces = {}
wrong = 0

function init(args)
  seed()
  isPut = args[1] == 'put'
  keys = tonumber(args[2])
  local valueBytes = tonumber(args[3])
  operations = tonumber(args[4])
  leastBytes = operations * (isPut and 1 or valueBytes)
  local key = text('key') .. head(3, 13) .. 'key-'
  if isPut then
    before = head(5, 4) .. text('op') .. text('put') .. key
    between = text('type') .. text('application/octet-stream') .. text('bytes') .. head(2, valueBytes)
    after = fill(valueBytes)
  else
    before, between, after = head(5, 2) .. text('op') .. text('get') .. key, '', ''
  end
  local start = head(5, 1) .. text('ops') .. head(4, operations)
  local length = #start + operations * (#before + 9 + #between + (isPut and 9 or 0) + #after)
  frame = 'POST ' .. wrk.path .. ' HTTP/1.1\r\nhost: bench\r\ncontent-type: application/cbor\r\n'
    .. 'accept: application/cbor\r\ncontent-length: ' .. length .. '\r\n\r\n' .. start
end

-- All puts of a request are for different keys: one window of consecutive keys, at random.
function request()
  local first = math.random(0, math.max(0, keys - operations))
  for i = 0, operations - 1 do
    local number = digits(isPut and (first + i) % keys or math.random(0, keys - 1))
    pieces[i + 1] = isPut and before .. number .. between .. number .. after or before .. number
  end
  return frame .. table.concat(pieces, '', 1, operations)
end

function response(status, headers, body)
  local results = string.find(body, 'results' .. head(4, operations), 1, true)
  if status ~= 200 or not results or #body < leastBytes or string.find(body, 'error', 1, true) then
    wrong = wrong + 1
  end
end
