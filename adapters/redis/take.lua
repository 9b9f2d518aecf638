-- Takes one from a bucket, which is one number: when it will be full again (runtime/coordination.ts, `taken`).
-- KEYS[1] the bucket; ARGV burst, milliseconds for each. Answers 0, or the milliseconds to wait. The time is the server's own.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local burst, each = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
local next = math.max(full, now) + each
local wait = math.ceil(next - burst * each - now)
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.3f', next), 'PX', math.max(1, math.ceil(next - now)))
return 0
