-- Who is in a room, and what each says, in turn; forgets those whose time is over. KEYS as in enter.lua.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
for _, who in ipairs(over) do redis.call('HDEL', KEYS[2], who) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('HGETALL', KEYS[2])
