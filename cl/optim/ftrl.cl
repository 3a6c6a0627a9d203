#if SETUP
per_lr = lr > 0 ? 1 / lr : 0;
ridge += beta * per_lr;
#else
// The rise of n^p without the cancellation of now - last.
const element before = n + start;
n = before + g * g;
#if SQUARE_ROOT
const element last = sqrt(before), now = sqrt(n);
const element rise = now > 0 ? g * g / (now + last) : 0;
#else
const element last = pow(before, power), now = pow(n, power);
const element rise = before > 0 ? last * expm1(power * log1p(g * g / before)) : now;
#endif
z += g + shrink * w - rise * per_lr * w;
w = lr > 0 ? (clamp(z, -l1, l1) - z) / (now * per_lr + ridge) : w;
#endif
