-- Remembers a request under a flight, running or complete.
-- KEYS: the look's base name, the request's name. ARGV: token, pointer, the pointer's time to live (ms).
-- Gives 1, or 0 when there is no such flight.
local flight = redis.call('HMGET', KEYS[1] .. ':flight:' .. ARGV[1], 'since', 'released')
if not flight[1] or flight[2] then return 0 end
local known = redis.call('GET', KEYS[2])
if known then
  local other = redis.call('HMGET', KEYS[1] .. ':flight:' .. known:sub(1, 32), 'since', 'released')
  -- A request that is remembered keeps its first flight.
  if other[1] and not other[2] then return 1 end
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
