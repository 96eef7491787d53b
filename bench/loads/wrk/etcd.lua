-- etcd's JSON gateway. Arguments: get|put KEYS VALUE_BYTES. Three digits are four characters of
-- base64, so that numbers are encoded by looking them up.
dofile(debug.getinfo(1, 'S').source:match('@(.*/)') .. 'result.lua')

local alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

local function base64(text)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = string.byte(text, i, i + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    for shift = 18, 0, -6 do
      local six = math.floor(bits / 2 ^ shift) % 64
      out[#out + 1] = string.sub(alphabet, six + 1, six + 1)
    end
    if not b then out[#out - 1] = '=' end
    if not c then out[#out] = '=' end
  end
  return table.concat(out)
end

local encoded = {}
for n = 0, 999 do encoded[n] = base64(string.format('%03d', n)) end

local function encodedDigits(n)
  return encoded[math.floor(n / 1000000)] .. encoded[math.floor(n / 1000) % 1000] .. encoded[n % 1000]
end

local keys, isPut, valueFill, head, path

function init(args)
  seed()
  isPut = args[1] == 'put'
  keys = tonumber(args[2])
  local valueBytes = tonumber(args[3])
  valueFill = base64(fill(valueBytes))
  path = isPut and '/v3/kv/put' or '/v3/kv/range'
  local length = #body(0)
  head = 'POST ' .. path .. ' HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: '
    .. length .. '\r\n\r\n'
end

function body(n)
  local key = base64('key-' .. digits(n))
  if isPut then
    return '{"key":"' .. key .. '","value":"' .. encodedDigits(n) .. valueFill .. '"}'
  end
  return '{"key":"' .. key .. '"}'
end

function request()
  return head .. body(math.random(0, keys - 1))
end
