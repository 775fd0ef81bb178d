-- What is remembered of a request.
-- KEYS: for each store key: the look's base name, then the request's name.
-- Gives {now, number of the store key, pointer, since, outcome or nil}, or {now} when nothing is.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #KEYS, 2 do
  local pointer = redis.call('GET', KEYS[i + 1])
  if pointer then
    local flight = redis.call('HMGET', KEYS[i] .. ':flight:' .. pointer:sub(1, 32), 'since', 'outcome', 'released')
    if flight[1] and not flight[3] then
      return { now, (i + 1) / 2, pointer, flight[1], flight[2] }
    end
  end
end
return { now }
