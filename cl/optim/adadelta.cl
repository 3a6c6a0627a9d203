s = rho * s + fresh * g * g;
const element delta = sqrt((d + eps) / (s + eps)) * g;
d = rho * d + fresh * delta * delta;
w -= lr * delta;
