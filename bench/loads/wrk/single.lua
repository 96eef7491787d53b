-- GET or PUT of one random key a request. Arguments: get|put KEYS VALUE_BYTES. Replies are checked
-- by their status alone: looking at bodies here would slow the load down.
dofile(debug.getinfo(1, 'S').source:match('@(.*/)') .. 'result.lua')

local keys, head, tail, isPut, valueFill

function init(args)
  seed()
  local valueBytes = tonumber(args[3])
  keys = tonumber(args[2])
  isPut = args[1] == 'put'
  head = (isPut and 'PUT ' or 'GET ') .. wrk.path .. 'key-'
  tail = ' HTTP/1.1\r\nhost: bench\r\n\r\n'
  if isPut then
    tail = ' HTTP/1.1\r\nhost: bench\r\ncontent-type: application/octet-stream\r\ncontent-length: '
      .. valueBytes .. '\r\n\r\n'
  end
  valueFill = fill(valueBytes)
end

function request()
  local number = digits(math.random(0, keys - 1))
  if isPut then
    return head .. number .. tail .. number .. valueFill
  end
  return head .. number .. tail
end
