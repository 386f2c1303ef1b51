"""Seeded orders as crates/corpus/src/permutation.rs computes them, written apart from it: prints the goldens of its test."""
import hashlib, struct

M = (1 << 64) - 1

def chacha8_words(key, count):
    # RFC 8439's quarter round, 8 rounds, 64-bit counter and nonce 0 (as rand_chacha has it).
    def rotl(x, n): return ((x << n) | (x >> (32 - n))) & 0xffffffff
    def quarter(s, a, b, c, d):
        s[a] = (s[a] + s[b]) & 0xffffffff; s[d] = rotl(s[d] ^ s[a], 16)
        s[c] = (s[c] + s[d]) & 0xffffffff; s[b] = rotl(s[b] ^ s[c], 12)
        s[a] = (s[a] + s[b]) & 0xffffffff; s[d] = rotl(s[d] ^ s[a], 8)
        s[c] = (s[c] + s[d]) & 0xffffffff; s[b] = rotl(s[b] ^ s[c], 7)
    out, block = [], 0
    while len(out) < count:
        s = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key)) + [block, 0, 0, 0]
        w = s[:]
        for _ in range(4):
            for q in [(0,4,8,12),(1,5,9,13),(2,6,10,14),(3,7,11,15),(0,5,10,15),(1,6,11,12),(2,7,8,13),(3,4,9,14)]:
                quarter(w, *q)
        out += [(a + b) & 0xffffffff for a, b in zip(w, s)]
        block += 1
    return out[:count]

def mix(v):
    v = ((v ^ (v >> 30)) * 0xbf58476d1ce4e5b9) & M
    v = ((v ^ (v >> 27)) * 0x94d049bb133111eb) & M
    return v ^ (v >> 31)

def order(n, seed, stream, epoch):
    key = hashlib.sha256(b"maec corpus order 1" + struct.pack("<3Q", seed, stream, epoch)).digest()
    w = chacha8_words(key, 16)
    keys = [w[2 * i] | (w[2 * i + 1] << 32) for i in range(8)]
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    def encrypt(v):
        l, r = v >> half, v & mask
        for k in keys:
            l, r = r, l ^ (mix(r ^ k) & mask)
        return (l << half) | r
    out = []
    for place in range(n):
        v = encrypt(place)
        while v >= n:
            v = encrypt(v)
        out.append(v)
    return out

for arguments in [(10, 7, 0, 0), (10, 7, 0, 1), (10, 8, 3, 0)]:
    print(order(*arguments))
