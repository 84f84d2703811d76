-- Begins `claim.lua`: offers with at most one goal and nothing rare, which nearly all are, that create for good, or come
-- to a value as `codec::encode` spells it without metaData. From the first on that it cannot decide at a glance, before
-- anything is written for that one, it leaves them to what follows: the functions of the whole rule cost more to make
-- than such a claim.
local call, byte, sub = redis.call, string.byte, string.sub
local ARGV, KEYS = ARGV, KEYS
local at, last, key, answers, millis = 1, #ARGV, 0, nil, nil
while at < last do
  local field, rare, goals, goal = ARGV[at + 1], ARGV[at + 4], ARGV[at + 5], nil
  if goals == '1' then
    goal = ARGV[at + 6]
  elseif goals ~= '0' then
    break
  end
  if rare ~= '' and sub(rare, 1, 5) ~= '\0\0\0\0\1' then
    break
  end
  local number = ARGV[at] == '0' and key or key + 2
  local user, created = KEYS[number], ARGV[at + 3]
  local value, answer = call('HGET', user, field), nil
  if value then
    -- The version, the variation, and who put it there.
    local version, tag, length = byte(value, 1, 3)
    local to, is_known, count = (length or 0) + 14, not goal, 0
    local by, eight = byte(value, to - 10, to - 9)
    if version == 1 and tag == 1 and length and length > 0 and length < 128 and by == 2 and eight == 8 then
      tag, length = byte(value, to, to + 1)
      while tag == 4 and length and length < 128 do
        if sub(value, to + 10, to + length + 1) == goal then
          is_known = true
        end
        to, count = to + length + 2, count + 1
        tag, length = byte(value, to, to + 1)
      end
      -- Two times, perhaps its end, and the revision; then nothing more.
      local assigned, changed, size = to + 2, to + 12, #value
      local revision = size - 7
      local change, eight, _, _, _, _, _, _, _, _, final, nine = byte(value, to + 10, to + 21)
      local is_plain = tag == 7 and length == 8 and change == 8 and eight == 8 and nine == 8
        and (final == 10 and size == to + 29 or final == 9 and size == to + 39 and sub(value, size - 9, size - 8) == '\10\8')
      if is_plain and not millis and (final == 9 or not is_known) then
        local time = call('TIME')
        millis = time[1] * 1000 + math.floor(time[2] / 1000)
      end
      if is_plain and final == 9 then
        local ends = struct.unpack('<I8', value, to + 22)
        local below = rare ~= '' and struct.unpack('<I8', rare, 14) or 0
        is_plain = millis < ends and ends - millis >= below and ends <= $LAST
      end
      if is_plain and is_known then
        answer = value
      elseif is_plain then
        -- What is written must be sound.
        local sixth, seventh, eighth = byte(value, assigned + 5, assigned + 7)
        local digit = byte(value, revision)
        local find, odd = string.find, '[%z\128-\255]'
        if sixth < 230 and seventh == 0 and eighth == 0 and digit < 255 and count < $GOALS and #goal < 120
          and not find(sub(value, 4, byte(value, 3) + 3), odd) then
          local next, is_sound = byte(value, 3) + 14, true
          while next < to and is_sound do
            length = byte(value, next + 1)
            is_sound = length > 8 and not find(sub(value, next + 10, next + length + 1), odd)
            next = next + length + 2
          end
          if is_sound then
            answer = sub(value, 1, to - 1) .. '\4' .. string.char(#goal + 8) .. ARGV[at + 2] .. goal .. sub(value, to, changed - 1)
              .. struct.pack('<I8', millis) .. sub(value, changed + 8, revision - 1) .. string.char(digit + 1) .. sub(value, revision + 1)
            call('HSET', user, field, answer)
          end
        end
      end
    end
  elseif created == '' then
    answer = false
  elseif rare == '' then
    if not millis then
      local time = call('TIME')
      millis = time[1] * 1000 + math.floor(time[2] / 1000)
    end
    answer = sub(created, 1, -19) .. struct.pack('<I8', millis) .. sub(created, -10)
    call('HSET', user, field, answer)
    local index = KEYS[number - 1]
    -- A user who comes first has no time to live yet.
    if call('ZADD', index, 0, sub(user, #index + 1)) == 0 then
      call('PERSIST', user)
    end
  end
  if answer == nil then
    break
  end
  local after = at + (goal and 7 or 6)
  if at == 1 and after > last then
    return answer
  end
  answers = answers or {}
  answers[#answers + 1] = answer
  key, at = number, after
end
if at > last then
  return answers
end
answers = answers or {}
